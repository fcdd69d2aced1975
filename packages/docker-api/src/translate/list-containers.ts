import type { ContainerRow } from '@gantry/contracts'
import { statusText } from './container-status.ts'
import { toNetworks, toPortList } from './endpoints.ts'
import { toMountPoints } from './mount-points.ts'
import { unixSeconds } from './times.ts'

/** One row of GET /containers/json. */
export function toListItem(row: ContainerRow, { version, now, imageBytes }: { version: number; now: Date; imageBytes: number }): object {
  const { endpoints = [], mounts = [], networkMode = 'bridge', wantedNetworks = [], exposedPorts = [] } = row.details ?? {}
  const running = row.state.pid > 0
  return {
    Id: row.id,
    Names: [`/${row.name}`],
    Image: row.details?.image ?? row.image,
    ImageID: row.imageId,
    Command: row.command.map(shellWord).join(' '),
    Created: unixSeconds(row.createdAt),
    Ports: running ? toPortList(exposedPorts, row.ports) : [],
    ...(row.sizeRwBytes === undefined ? {} : { SizeRw: row.sizeRwBytes, SizeRootFs: imageBytes + row.sizeRwBytes }),
    Labels: row.labels,
    State: row.state.status,
    Status: statusText(row.state, now),
    HostConfig: { NetworkMode: wantedNetworks[0] ?? networkMode },
    ...(version >= 52
      ? { Health: { Status: row.state.health?.status ?? 'none', FailingStreak: row.state.health?.failingStreak ?? 0 } }
      : {}),
    NetworkSettings: { Networks: toNetworks(endpoints, { networkMode, asked: wantedNetworks.map((network) => ({ network })) }) },
    Mounts: toMountPoints(mounts),
  }
}

/** Quoted where a shell would take it apart. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
