'use client'
import { Dialog, Facts, LoadingRows, Table, Td, Th, Tr } from '@gantry/ui'
import { useQuery } from '@tanstack/react-query'
import { useTranslations } from 'use-intl'
import { ErrorNotice } from '@/lib/error-notice.tsx'
import { formatBytes, shortId } from '@/lib/format.ts'
import { quoteWords } from '@/lib/shell-words.ts'
import { useTRPC } from '@/lib/trpc.ts'

/** How an image was made and what it runs. */
export function ImageDetails({ image, name, projectId, onClose }: { image: string; name: string; projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const query = useQuery(trpc.image.inspect.queryOptions({ projectId, image }))
  const found = query.data
  return (
    <Dialog open wide onOpenChange={(open) => !open && onClose()} title={name} closeLabel={t('common.close')}>
      {query.error && !found ? <ErrorNotice error={query.error} onRetry={() => query.refetch()} /> : null}
      {query.isPending ? <LoadingRows label={t('common.loading')} /> : null}
      {found ? (
        <div className="flex flex-col gap-4">
          <Facts
            items={[
              [
                t('image.id'),
                <span key="i" className="break-all font-mono text-xs">
                  {found.id}
                </span>,
              ],
              [
                t('inspect.command'),
                <span key="c" className="font-mono text-xs">
                  {quoteWords([...found.config.entrypoint, ...found.config.command]) || '–'}
                </span>,
              ],
              [t('inspect.user'), found.config.user || 'root'],
              [t('inspect.workingDir'), found.config.workingDir || '/'],
              [t('inspect.ports'), found.config.exposedPorts.join(', ') || '–'],
              [t('volume.title'), found.config.volumes.join(', ') || '–'],
              [
                t('inspect.env'),
                <span key="e" className="break-all font-mono text-xs">
                  {found.config.env.join('\n') || '–'}
                </span>,
              ],
              [
                t('image.layers'),
                <span key="l" className="font-mono text-xs">
                  {found.layers.map(shortId).join(' ')}
                </span>,
              ],
            ]}
          />
          <Table label={t('image.history')}>
            <thead>
              <tr>
                <Th>{t('image.history')}</Th>
                <Th className="text-right">{t('image.size')}</Th>
              </tr>
            </thead>
            <tbody>
              {found.history.map((entry, index) => (
                <Tr key={index.toString()}>
                  <Td className="break-all font-mono text-xs">{entry.createdBy || entry.comment}</Td>
                  <Td className="tabular whitespace-nowrap text-right">{entry.empty ? '–' : formatBytes(entry.sizeBytes)}</Td>
                </Tr>
              ))}
            </tbody>
          </Table>
        </div>
      ) : null}
    </Dialog>
  )
}
