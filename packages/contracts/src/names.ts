import { z } from 'zod'

/** 64 lower-case hex digits, as Docker's. */
export const containerIdSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
/** Containers, volumes and networks: Docker's own rule, so that names travel between clients. */
const objectName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/
export const containerNameSchema = z
  .string()
  .regex(objectName, 'must start with a letter or digit and hold only letters, digits, "_", "." and "-" (at most 128)')
export const volumeNameSchema = containerNameSchema
export const networkNameSchema = containerNameSchema
/** A project's id is also a cgroup folder name and a label, hence narrower. */
export const projectIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must start with a lower-case letter or digit and hold only those and "-" (at most 40)')
/** A full id, an unambiguous prefix of one, or a name. Resolved inside one project only. */
export const containerRefSchema = z.string().min(1).max(128)
/** `name[:tag]`, `name@sha256:…`, an image id or an unambiguous prefix of one. */
export const imageRefSchema = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, 'is not an image reference (name[:tag] or name@sha256:…)')
export const networkRefSchema = z.string().min(1).max(128)
export const signalSchema = z.string().regex(/^(SIG)?[A-Z0-9+-]{1,12}$|^[0-9]{1,2}$/, 'is not a signal name or number')

/** The project whose images everybody may use; nobody can run anything in it. */
export const SYSTEM_PROJECT = 'system'
/** The project of the host administrator's own containers. */
export const DEFAULT_PROJECT = 'default'
