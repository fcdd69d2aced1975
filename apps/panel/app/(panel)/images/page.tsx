import { ImageList } from '@/features/image/image-list.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.images')

export default function Page() {
  return <ImageList />
}
