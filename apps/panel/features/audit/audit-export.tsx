'use client'
import type { AuditFilter } from '@gantry/contracts'
import { Button, Menu, MenuItem } from '@gantry/ui'
import { Download } from 'lucide-react'
import { useTranslations } from 'use-intl'

/** The entries that match the filters, as a file. */
export function AuditExport({ query }: { query: AuditFilter }) {
  const t = useTranslations('audit')
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, `${value}`])).toString()
  return (
    <Menu
      trigger={
        <Button>
          <Download aria-hidden />
          {t('export')}
        </Button>
      }
    >
      {(['csv', 'json'] as const).map((format) => (
        <MenuItem key={format} asChild>
          <a href={`/download/audit.${format}${search ? `?${search}` : ''}`} download>
            {format.toUpperCase()}
          </a>
        </MenuItem>
      ))}
    </Menu>
  )
}
