'use client'
import type { NetworkInspect } from '@gantry/contracts'
import { Dialog, EmptyState, IconButton, Table, Td, Th, Tr } from '@gantry/ui'
import { Unplug } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'use-intl'
import { useTRPC, useTRPCClient } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'

/** Who is on the network under which address. */
export function NetworkDetails({
  network,
  refusal,
  onClose,
}: {
  network: NetworkInspect
  refusal: string | undefined
  onClose: () => void
}) {
  const t = useTranslations()
  const trpc = useTRPC()
  const client = useTRPCClient()
  const name = network.spec.name
  const disconnect = useAct({
    run: client.network.disconnect.mutate,
    done: (_, input) => {
      const container = network.containers.find((entry) => entry.containerId === input.container)?.containerName ?? ''
      return { title: t('network.disconnected', { container, name }), command: `docker network disconnect ${name} ${container}` }
    },
    changes: [trpc.network.pathFilter(), trpc.container.pathFilter()],
  })
  return (
    <Dialog open wide onOpenChange={(open) => !open && onClose()} title={t('network.details', { name })} closeLabel={t('common.close')}>
      {network.containers.length === 0 ? <EmptyState title={t('common.none')} /> : null}
      {network.containers.length > 0 ? (
        <Table label={t('network.details', { name })}>
          <thead>
            <tr>
              <Th>{t('container.one')}</Th>
              <Th>{t('inspect.ip')}</Th>
              <Th>{t('inspect.mac')}</Th>
              <Th>
                <span className="sr-only">{t('common.actions')}</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {network.containers.map((entry) => (
              <Tr key={entry.containerId}>
                <Td>
                  <Link href={`/containers/${entry.containerId}?project=${network.projectId}`} className="hover:underline">
                    {entry.containerName}
                  </Link>
                </Td>
                <Td className="font-mono text-xs">
                  {entry.ipv4Address}
                  {entry.ipv6Address ? <span className="block">{entry.ipv6Address}</span> : null}
                </Td>
                <Td className="font-mono text-xs">{entry.macAddress}</Td>
                <Td className="text-right">
                  <IconButton
                    size="icon-sm"
                    label={t('network.disconnect', { container: entry.containerName })}
                    disabled={refusal !== undefined || disconnect.isPending}
                    onClick={() =>
                      disconnect.mutate(
                        { projectId: network.projectId, container: entry.containerId, network: network.id },
                        { onSuccess: onClose },
                      )
                    }
                  >
                    <Unplug aria-hidden />
                  </IconButton>
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      ) : null}
    </Dialog>
  )
}
