import { ProjectList } from '@/features/project/project-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.projects')

export default function Page() {
  return <ProjectList />
}
