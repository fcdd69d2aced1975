'use client'
import { PageFailedView } from '@/features/shell/failure-views.tsx'

export default function PageFailed({ error, reset }: { error: Error; reset: () => void }) {
  return <PageFailedView error={error} onRetry={reset} />
}
