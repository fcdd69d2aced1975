import { AuditLog } from '@/features/audit/audit-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.audit')

export default function Page() {
  return <AuditLog />
}
