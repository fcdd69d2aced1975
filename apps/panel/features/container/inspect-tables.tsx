'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Table, Td, Th, Tr } from '@gantry/ui'
import { useTranslations } from 'use-intl'

export function InspectEndpoints({ endpoints }: { endpoints: ContainerInspect['endpoints'] }) {
  const t = useTranslations()
  if (endpoints.length === 0) return <p className="text-[13px] text-muted">{t('common.none')}</p>
  return (
    <Table label={`${t('detail.inspect')}: ${t('inspect.networks')}`}>
      <thead>
        <tr>
          <Th>{t('common.name')}</Th>
          <Th>{t('inspect.ip')}</Th>
          <Th>{t('inspect.gateway')}</Th>
          <Th>{t('inspect.mac')}</Th>
        </tr>
      </thead>
      <tbody>
        {endpoints.map((endpoint) => (
          <Tr key={endpoint.networkId}>
            <Td>{endpoint.network}</Td>
            <Td className="font-mono text-xs">
              {endpoint.ipv4Address ? `${endpoint.ipv4Address}/${endpoint.ipv4PrefixLength}` : '–'}
              {endpoint.ipv6Address ? <span className="block">{`${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}`}</span> : null}
            </Td>
            <Td className="font-mono text-xs">{endpoint.ipv4Gateway || '–'}</Td>
            <Td className="font-mono text-xs">{endpoint.macAddress || '–'}</Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  )
}

export function InspectMounts({ mounts }: { mounts: ContainerInspect['resolvedMounts'] }) {
  const t = useTranslations()
  if (mounts.length === 0) return <p className="text-[13px] text-muted">{t('common.none')}</p>
  return (
    <Table label={`${t('detail.inspect')}: ${t('inspect.mounts')}`}>
      <thead>
        <tr>
          <Th>{t('inspect.target')}</Th>
          <Th>{t('inspect.source')}</Th>
          <Th>{t('inspect.mode')}</Th>
        </tr>
      </thead>
      <tbody>
        {mounts.map((mount) => (
          <Tr key={mount.target}>
            <Td className="font-mono text-xs">{mount.target}</Td>
            <Td className="break-all font-mono text-xs">{mount.name ?? (mount.source || mount.type)}</Td>
            <Td>{mount.readOnly ? t('inspect.readOnly') : t('inspect.readWrite')}</Td>
          </Tr>
        ))}
      </tbody>
    </Table>
  )
}
