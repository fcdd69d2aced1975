import { ContainerPage } from '@/features/container/container-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('container.one')

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <ContainerPage id={decodeURIComponent((await params).id)} />
}
