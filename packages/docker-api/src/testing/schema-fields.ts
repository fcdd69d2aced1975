import { z } from 'zod'

/** The paths of all fields of a schema; an element of a list is `0`, a value of a map `x`. */
export function fieldsOf(schema: unknown, before: readonly string[] = []): string[][] {
  const inner = [...unwrap(schema)]
  return unique(
    inner.flatMap((each) => childrenOf(each).flatMap(([name, child]) => [[...before, name], ...fieldsOf(child, [...before, name])])),
  )
}

/** The names of a query's parameters. */
export function queryKeys(schema: unknown): string[] {
  return [...unwrap(schema)].flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []))
}

function childrenOf(schema: unknown): [string, unknown][] {
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape)
  if (schema instanceof z.ZodRecord) return [['x', schema.valueType]]
  if (schema instanceof z.ZodArray) return [['0', schema.element]]
  if (schema instanceof z.ZodTuple) return schema.def.items.map((item, index) => [String(index), item])
  return []
}

/** What is said of a value may be wrapped in what may be absent, or is turned into something else. */
function* unwrap(schema: unknown): Generator<unknown> {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    yield* unwrap(schema.def.innerType)
  else if (schema instanceof z.ZodPipe) {
    yield* unwrap(schema.in)
    yield* unwrap(schema.out)
  } else if (schema instanceof z.ZodUnion) for (const option of schema.options) yield* unwrap(option)
  else yield schema
}

function unique(paths: string[][]): string[][] {
  return [...new Map(paths.map((path) => [path.join('.'), path])).values()]
}

/** A copy of `object` with `value` at `path`; what is not there on the way is made. */
export function put(object: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value
  if (name === '0') return [put(Array.isArray(object) ? object[0] : undefined, rest, value)]
  const fields = typeof object === 'object' && object !== null ? (object as Record<string, unknown>) : {}
  return { ...fields, [name]: put(fields[name], rest, value) }
}
