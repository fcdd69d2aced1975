import type { EngineEvent } from '@gantry/contracts'
import type { Filters } from '../filters.ts'

/** Kinds that Docker has no word for are not told. */
const types: readonly string[] = ['container', 'image', 'network', 'volume', 'builder']

/** One line of GET /events. */
export function toEvent({ type, action, id, attributes, timeNano }: EngineEvent, version: number): object {
  const time = Math.floor(Number(timeNano) / 1e9)
  const old = type === 'container' ? { status: action, id, from: attributes.image ?? '' } : type === 'image' ? { status: action, id } : {}
  return {
    ...(version < 52 ? old : {}),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time,
    // Beyond what a double holds exactly; readers of JSON round it the same way.
    timeNano: Number(timeNano),
  }
}

export function isShown({ type, action, id, attributes }: EngineEvent, filters: Filters): boolean {
  if (!types.includes(type)) return false
  const names = [id, attributes.name ?? '', attributes.image ?? '', attributes.container ?? '']
  const isIt = (value: string) => names.includes(value) || (value.length >= 4 && id.startsWith(value))
  return (
    filters.any('type', (value) => value === type) &&
    filters.any('scope', (value) => value === 'local') &&
    filters.any('event', (value) => action === value || action.startsWith(`${value}:`)) &&
    filters.matchesLabels(attributes) &&
    filters.any('container', (value) => type === 'container' && isIt(value)) &&
    filters.any('image', (value) => (type === 'image' || type === 'container') && (isIt(value) || sameImage(attributes, value))) &&
    filters.any('network', (value) => type === 'network' && isIt(value)) &&
    filters.any('volume', (value) => type === 'volume' && isIt(value)) &&
    ['config', 'daemon', 'node', 'plugin', 'secret', 'service'].every((key) => !filters.has(key))
  )
}

function sameImage({ image = '', name = '' }: EngineEvent['attributes'], value: string): boolean {
  const plain = (text: string) => text.replace(/:latest$/, '')
  return [image, name].some((text) => plain(text) === plain(value))
}
