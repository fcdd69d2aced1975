import { NetworkList } from '@/features/network/network-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.networks')

export default function Page() {
  return <NetworkList />
}
