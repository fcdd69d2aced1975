import type { ReactNode } from 'react'
import { Doorway } from '@/features/auth/doorway.tsx'

export default function DoorLayout({ children }: { children: ReactNode }) {
  return <Doorway>{children}</Doorway>
}
