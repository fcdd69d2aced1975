import { type ContainerStatus, can } from '@gantry/contracts'
import { CirclePlay, CircleStop, Pause, Play, RotateCw, Skull, Trash2 } from 'lucide-react'

/** Verbs that need nothing but the container. */
export const simpleVerbs = ['start', 'stop', 'restart', 'pause', 'unpause', 'kill', 'remove'] as const
export type SimpleVerb = (typeof simpleVerbs)[number]

export const verbIcon = {
  start: CirclePlay,
  stop: CircleStop,
  restart: RotateCw,
  pause: Pause,
  unpause: Play,
  kill: Skull,
  remove: Trash2,
} as const

/** What a person would type for the same. */
export const verbCommand = (verb: SimpleVerb, names: readonly string[]) => `docker ${verb === 'remove' ? 'rm -f' : verb} ${names.join(' ')}`

/** Removing kills a running container first, so it is offered in any status but `removing`. */
export const mayApply = (verb: SimpleVerb, status: ContainerStatus) => (verb === 'remove' ? status !== 'removing' : can(verb, status))
