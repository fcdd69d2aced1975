import type { RunConfig } from '../image/image-document.ts'
import { shellOf } from './config-instructions.ts'

/** What the history says of a step that runs no command, in Docker's words: with the shell that one would have been run by. */
export const nop = (config: RunConfig, text: string): string => `${shellOf(config).join(' ')} #(nop) ${text}`
