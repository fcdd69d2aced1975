import { Dashboard } from '@/features/dashboard/dashboard.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.dashboard')

export default function Page() {
  return <Dashboard />
}
