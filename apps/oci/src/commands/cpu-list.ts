import { GantryError } from '@gantry/contracts/gantry-error'

const MOST = 1023

/** `0-3,7` as in cpuset(7). */
export function parseCpus(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const found = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part)
    const [from, to] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])]
    if (!found || to < from || to > MOST) throw new GantryError('invalid_input', `cpu list ${text} is not like 0-3,7`)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
