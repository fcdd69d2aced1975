import { UserList } from '@/features/user/user-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.users')

export default function Page() {
  return <UserList />
}
