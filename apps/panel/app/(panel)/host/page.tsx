import { HostPage } from '@/features/host/host-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.host')

export default function Page() {
  return <HostPage />
}
