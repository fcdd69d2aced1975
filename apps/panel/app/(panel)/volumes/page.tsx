import { VolumeList } from '@/features/volume/volume-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.volumes')

export default function Page() {
  return <VolumeList />
}
