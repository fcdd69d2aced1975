'use client'
import type { NetworkInspect } from '@gantry/contracts'
import { Field, Select } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslations } from 'use-intl'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

export function ConnectDialog({ network, onClose }: { network: NetworkInspect; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const { projectId } = network
  const name = network.spec.name
  const containers = useQuery(trpc.container.list.queryOptions({ projectId }))
  const others = (containers.data ?? []).filter((container) => !network.containers.some((entry) => entry.containerId === container.id))
  const [chosen, setChosen] = useState('')
  const container = others.find((entry) => entry.id === chosen)
  const connect = useAct({
    run: client.network.connect.mutate,
    done: () => ({
      title: t('network.connected', { container: container?.name ?? '', name }),
      command: `docker network connect ${name} ${container?.name}`,
    }),
    changes: [trpc.network.pathFilter(), trpc.container.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('network.connectTitle', { name })}
      submitLabel={t('network.connect')}
      pending={connect.isPending}
      disabled={!container}
      error={connect.error}
      onClose={onClose}
      onSubmit={() =>
        container && connect.mutate({ projectId, container: container.id, endpoint: { network: name } }, { onSuccess: onClose })
      }
    >
      <Field label={t('container.one')}>
        <Select value={chosen} onChange={(event) => setChosen(event.target.value)}>
          <option value="">–</option>
          {others.map((entry) => (
            <option key={entry.id} value={entry.id}>
              {entry.name}
            </option>
          ))}
        </Select>
      </Field>
    </FormDialog>
  )
}
