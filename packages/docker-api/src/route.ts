import type { IncomingMessage } from 'node:http'
import type { StreamCase, UseCase } from '@gantry/core'
import type { z } from 'zod'
import type { ReplyStream } from './wire/reply-stream.ts'
import type { HijackedStream } from './wire/hijack.ts'

/** An ordinary answer: `body` goes as JSON, `text` as it is. */
export interface Reply {
  status: number
  body?: unknown
  text?: string
  headers?: Record<string, string>
}

/** Names in braces of a path. */
type Names<P extends string> = P extends `${string}{${infer N}}${infer Rest}` ? (N extends `${infer M}*` ? M : N) | Names<Rest> : never

/** One request, parsed, on its way to a use case. */
export interface Call<P extends string = string, Q = unknown, B = unknown> {
  /** The x of API version 1.x. */
  readonly version: number
  readonly params: Readonly<Record<Names<P>, string>>
  readonly query: Q
  readonly body: B
  /** The project that the caller works in; use cases are told of it by `run` and `watch`. */
  readonly projectId: string
  /** The caller is a host administrator: defaults may be Docker's even where those reach the host. */
  readonly mayReachHost: boolean
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal
  /** Headers, and the bytes of a body that is not JSON. */
  readonly request: IncomingMessage
  /** Runs a use case in the caller's project. */
  run<S extends z.ZodType, O>(useCase: UseCase<S, O>, input: WithoutProject<z.input<S>>): Promise<O>
  /** Follows a stream of a use case in the caller's project until it or the client ends, or `end` says so. */
  watch<S extends z.ZodType, T>(streamCase: StreamCase<S, T>, input: WithoutProject<z.input<S>>, end?: AbortSignal): AsyncGenerator<T>
  /** Answers 200 at once, with bytes to follow. */
  stream(contentType: string, headers?: Record<string, string>): ReplyStream
  /** Takes the connection over: 101 where the client asked for an upgrade, else 200, then bytes both ways. */
  hijack(contentType: string): HijackedStream
  /** The same by a WebSocket, which the request must ask for. */
  webSocket(): Promise<HijackedStream>
}
type WithoutProject<I> = I extends { projectId?: unknown } ? Omit<I, 'projectId'> : I

interface Definition<P extends string, Q extends z.ZodType, B extends z.ZodType> {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** `{id}` is one segment; `{name*}` may hold slashes, as names of images do. */
  path: P
  /** The x of the API versions 1.x that have it. */
  versions?: { from?: number; to?: number }
  query?: Q
  /** Schema of a JSON body. Without one the body is not touched: `call.request` has its bytes. */
  body?: B
  /** What an absent body stands for; without it a body must be there. */
  emptyBody?: z.input<B>
  /** Bytes follow the request both ways. */
  hijacks?: boolean
  /** Resolves with the answer, or with nothing when it was sent by `stream` or `hijack`. */
  handle(call: Call<P, z.output<Q>, z.output<B>>): Promise<Reply | undefined> | Reply
}

/** A row of the table. */
export interface Route {
  readonly method: string
  readonly path: string
  readonly versions: { readonly from?: number; readonly to?: number }
  readonly query: z.ZodType | undefined
  readonly body: z.ZodType | undefined
  readonly emptyBody: unknown
  readonly hijacks: boolean
  handle(call: Call): Promise<Reply | undefined> | Reply
}

/** Makes a row whose handler knows the types of its parameters. */
export function route<P extends string, Q extends z.ZodType = z.ZodUndefined, B extends z.ZodType = z.ZodUndefined>(
  definition: Definition<P, Q, B>,
): Route {
  const { method, path, versions = {}, query, body, emptyBody, hijacks = false } = definition
  const handle = definition.handle as unknown as Route['handle']
  return { method, path, versions, query, body, emptyBody, hijacks, handle }
}

export const json = (body: unknown, status = 200): Reply => ({ status, body })
export const noContent: Reply = { status: 204 }
