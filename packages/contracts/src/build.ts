import { z } from 'zod'

/** Dockerfile instructions that change no file, for a commit or an import: `CMD ["sh"]`, `ENV A=1`. */
export const imageChangesSchema = z.array(z.string().max(65_536)).max(256).default([])
