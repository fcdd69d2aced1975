import { SetupForm } from '@/features/auth/setup-form.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('auth.setupTitle')

export default function Page() {
  return <SetupForm />
}
