import { SignInForm } from '@/features/auth/sign-in-form.tsx'
import { pageTitle } from '@/lib/page-title.ts'

export const generateMetadata = pageTitle('auth.signIn')

export default function Page() {
  return <SignInForm />
}
