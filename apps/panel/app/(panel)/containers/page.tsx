import { ContainerList } from '@/features/container/container-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.containers')

export default function Page() {
  return <ContainerList />
}
