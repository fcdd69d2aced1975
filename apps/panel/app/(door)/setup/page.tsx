import { SetupForm } from '@/features/auth/setup-form.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('auth.setupTitle')

/** The console prints the address with `?code=`, so that the code need not be typed. */
export default async function Page({ searchParams }: { searchParams: Promise<{ code?: string }> }) {
  return <SetupForm code={(await searchParams).code ?? ''} />
}
