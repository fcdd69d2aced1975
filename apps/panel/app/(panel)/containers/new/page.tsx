import { CreateForm } from '@/features/container/create-form.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('nav.newContainer')

export default async function Page({ searchParams }: { searchParams: Promise<{ image?: string }> }) {
  return <CreateForm image={(await searchParams).image ?? ''} />
}
