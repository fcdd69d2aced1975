import { HostPolicyPage } from '@/features/host/host-policy-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.policy')

export default function Page() {
  return <HostPolicyPage />
}
