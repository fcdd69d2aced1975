import { AccountPage } from '@/features/user/account-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.account')

export default function Page() {
  return <AccountPage />
}
