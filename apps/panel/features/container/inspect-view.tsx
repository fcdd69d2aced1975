'use client'
import type { ContainerInspect } from '@gantry/contracts'
import { Card, CardBody, CardHeader, Facts, TabPanel, Tabs } from '@gantry/ui'
import { type ReactNode, useState } from 'react'
import { useTranslations } from 'use-intl'
import { formatBytes } from '@/lib/format.ts'
import { JsonView } from '@/lib/json-view.tsx'
import { quoteWords } from '@/lib/shell-words.ts'
import { resourceFlags } from './docker-run.ts'
import { InspectEndpoints, InspectMounts } from './inspect-tables.tsx'
import { portText } from './port-text.ts'

/** Everything known of the container: arranged, or as it came. */
export function InspectView({ container }: { container: ContainerInspect }) {
  const t = useTranslations('inspect')
  const [view, setView] = useState('structured')
  return (
    <Tabs
      label={t('structured')}
      value={view}
      onValueChange={setView}
      items={[
        { value: 'structured', label: t('structured') },
        { value: 'json', label: t('json') },
      ]}
    >
      <TabPanel value="structured">
        <Structured container={container} />
      </TabPanel>
      <TabPanel value="json">
        <JsonView value={container} label={t('json')} />
      </TabPanel>
    </Tabs>
  )
}

function Structured({ container }: { container: ContainerInspect }) {
  const t = useTranslations('inspect')
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Section title={t('process')}>
        <ProcessFacts container={container} />
      </Section>
      <Section title={t('security')}>
        <SecurityFacts container={container} />
      </Section>
      <Section title={t('networks')}>
        <InspectEndpoints endpoints={container.endpoints} />
        {container.ports.length > 0 ? (
          <p className="mt-3 font-mono text-xs">{[...new Set(container.ports.map(portText))].join('  ')}</p>
        ) : null}
      </Section>
      <Section title={t('mounts')}>
        <InspectMounts mounts={container.resolvedMounts} />
      </Section>
      <Section title={t('env')}>
        <Lines lines={container.spec.env} />
      </Section>
      <Section title={t('labels')}>
        <Lines lines={Object.entries(container.labels).map(([key, value]) => `${key}=${value}`)} />
      </Section>
    </div>
  )
}

function ProcessFacts({ container }: { container: ContainerInspect }) {
  const t = useTranslations('inspect')
  const { spec, state } = container
  const limits = resourceFlags(container.resources)
    .map((words) => words.join(' '))
    .join('  ')
  return (
    <Facts
      items={[
        [t('id'), <Mono key="id">{container.id}</Mono>],
        [t('command'), <Mono key="c">{quoteWords(container.args)}</Mono>],
        [t('hostname'), spec.hostname ?? container.id.slice(0, 12)],
        [t('user'), spec.user || 'root'],
        [t('workingDir'), <Mono key="w">{spec.workingDir || '/'}</Mono>],
        [t('pid'), state.pid || '–'],
        [
          t('restart'),
          container.restart.name === 'on-failure' ? `on-failure:${container.restart.maximumRetryCount}` : container.restart.name,
        ],
        [t('limits'), <Mono key="l">{limits || '–'}</Mono>],
        [
          t('storage'),
          `${container.storageDriver}${container.sizeRwBytes === undefined ? '' : ` · ${formatBytes(container.sizeRwBytes)}`}`,
        ],
        [t('logFile'), <Mono key="g">{container.logPath || '–'}</Mono>],
      ]}
    />
  )
}

function SecurityFacts({ container }: { container: ContainerInspect }) {
  const t = useTranslations('inspect')
  const common = useTranslations('common')
  const { spec } = container
  const caps = [
    spec.privileged ? 'ALL' : t('defaultCaps'),
    spec.capAdd.length > 0 ? t('added', { list: spec.capAdd.join(', ') }) : '',
    spec.capDrop.length > 0 ? t('dropped', { list: spec.capDrop.join(', ') }) : '',
  ].filter(Boolean)
  return (
    <Facts
      items={[
        [t('user'), container.idBase > 0 ? t('idRange', { id: container.idBase.toString() }) : t('hostIds')],
        [t('capabilities'), caps.join('; ')],
        [t('seccomp'), spec.seccomp.length > 40 ? 'custom' : spec.seccomp],
        ['no_new_privs', spec.noNewPrivileges ? common('yes') : common('no')],
        [t('readOnlyRoot'), spec.readonlyRootfs ? common('yes') : common('no')],
        [
          t('namespaces'),
          <Mono key="n">{`pid=${spec.pidMode} ipc=${spec.ipcMode} uts=${spec.utsMode} cgroup=${spec.cgroupnsMode} net=${spec.networkMode}`}</Mono>,
        ],
        [t('cgroup'), <Mono key="c">{container.cgroupPath}</Mono>],
      ]}
    />
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card>
      <CardHeader title={title} />
      <CardBody>{children}</CardBody>
    </Card>
  )
}
const Mono = ({ children }: { children: ReactNode }) => <span className="break-all font-mono text-xs">{children}</span>

function Lines({ lines }: { lines: readonly string[] }) {
  const t = useTranslations('common')
  if (lines.length === 0) return <p className="text-[13px] text-muted">{t('none')}</p>
  return (
    <ul className="max-h-64 overflow-auto font-mono text-xs">
      {lines.map((line) => (
        <li key={line} className="break-all py-0.5">
          {line}
        </li>
      ))}
    </ul>
  )
}
