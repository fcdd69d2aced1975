import { NotFoundView } from '@/features/shell/failure-views.tsx'

export default function NotFound() {
  return <NotFoundView />
}
