'use client'
import { containerStatuses } from '@gantry/contracts'
import { Button, Input, Menu, MenuCheckboxItem, MenuLabel, SearchInput, Select } from '@gantry/ui'
import { Columns3, ListFilter as FilterIcon, X } from 'lucide-react'
import { useTranslations } from 'use-intl'
import { searchBox } from '@/features/shell/use-shortcuts.ts'
import { columnNames } from './list-filter.ts'
import type { ListState } from './use-list-state.ts'

/** Search, status, image, label, columns: all kept in the address. */
export function FilterBar({ state, images }: { state: ListState; images: readonly string[] }) {
  const t = useTranslations()
  const { filter, setFilter, filtered, reset } = state
  return (
    <div className="flex flex-wrap items-center gap-2">
      <SearchInput
        {...searchBox}
        label={t('container.searchLabel')}
        clearLabel={t('common.clear')}
        value={filter.q}
        onValueChange={(q) => setFilter({ q })}
        className="min-w-40 flex-1 sm:max-w-72"
      />
      <Menu
        align="start"
        trigger={
          <Button>
            <FilterIcon aria-hidden />
            {t('container.filterStatus')}
            {filter.status.length > 0 ? <span className="tabular">({filter.status.length})</span> : null}
          </Button>
        }
      >
        {containerStatuses.map((status) => (
          <MenuCheckboxItem
            key={status}
            checked={filter.status.includes(status)}
            onSelect={(event) => event.preventDefault()}
            onCheckedChange={(checked) =>
              setFilter({ status: checked ? [...filter.status, status] : filter.status.filter((entry) => entry !== status) })
            }
          >
            {t(`container.status.${status}`)}
          </MenuCheckboxItem>
        ))}
      </Menu>
      <Select
        aria-label={t('container.filterImage')}
        value={filter.image}
        onChange={(event) => setFilter({ image: event.target.value })}
        className="w-40 max-sm:hidden"
      >
        <option value="">
          {t('container.filterImage')}: {t('common.all')}
        </option>
        {images.map((image) => (
          <option key={image}>{image}</option>
        ))}
      </Select>
      <Input
        aria-label={t('container.filterLabel')}
        placeholder={t('container.filterLabel')}
        value={filter.label}
        onChange={(event) => setFilter({ label: event.target.value })}
        className="w-48 max-lg:hidden"
      />
      <ColumnMenu state={state} />
      {filtered ? (
        <Button variant="ghost" onClick={reset}>
          <X aria-hidden />
          {t('common.clearFilters')}
        </Button>
      ) : null}
    </div>
  )
}

function ColumnMenu({ state: { filter, setFilter } }: { state: ListState }) {
  const t = useTranslations('container')
  return (
    <Menu
      trigger={
        <Button className="max-sm:hidden">
          <Columns3 aria-hidden />
          {t('columns')}
        </Button>
      }
    >
      <MenuLabel>{t('columns')}</MenuLabel>
      {columnNames.map((name) => (
        <MenuCheckboxItem
          key={name}
          checked={filter.columns.includes(name)}
          onSelect={(event) => event.preventDefault()}
          onCheckedChange={(checked) =>
            setFilter({ columns: columnNames.filter((entry) => (entry === name ? checked : filter.columns.includes(entry))) })
          }
        >
          {t(`column.${name}`)}
        </MenuCheckboxItem>
      ))}
    </Menu>
  )
}
