import type { ContainerState } from '@gantry/contracts'
import { humanDuration } from './times.ts'

/** `Up 5 minutes (healthy)`, as `docker ps` shows it. */
export function statusText(state: ContainerState, now: Date): string {
  const since = (time: string) => humanDuration(now.getTime() - Date.parse(time))
  switch (state.status) {
    case 'created':
      return 'Created'
    case 'dead':
      return 'Dead'
    case 'removing':
      return 'Removal In Progress'
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(state)}`
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`
    case 'exited':
      return `Exited (${state.exitCode}) ${state.finishedAt === '' ? '' : `${since(state.finishedAt)} ago`}`.trimEnd()
  }
}

function healthText({ health }: ContainerState): string {
  if (!health || health.status === 'none') return ''
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`
}
