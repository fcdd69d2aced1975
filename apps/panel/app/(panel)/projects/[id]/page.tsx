import { ProjectPage } from '@/features/project/project-page.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('project.one')

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  return <ProjectPage id={decodeURIComponent((await params).id)} />
}
