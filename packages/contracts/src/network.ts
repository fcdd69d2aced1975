import { z } from 'zod'
import { endpointSchema, publishedPortSchema } from './container.ts'
import { networkNameSchema, projectIdSchema } from './names.ts'

export const ipamSchema = z.strictObject({
  subnet: z.union([z.cidrv4(), z.cidrv6()]),
  gateway: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** Part of the subnet that automatic addresses come from. */
  ipRange: z.union([z.cidrv4(), z.cidrv6()]).optional(),
  /** Addresses that others on the network have, by a name for them: never given to a container. */
  auxAddresses: z.record(z.string().min(1).max(128), z.union([z.ipv4(), z.ipv6()])).default({}),
})
export const networkDrivers = ['bridge', 'macvlan', 'ipvlan'] as const
export const networkSpecSchema = z.strictObject({
  name: networkNameSchema,
  driver: z.enum(networkDrivers).default('bridge'),
  /** Absent: a free IPv4 subnet is picked. A bridge has at most one IPv4 and one IPv6 entry. */
  ipam: z.array(ipamSchema).max(16).default([]),
  /** false: containers get no IPv4 addresses, unless `ipam` names a subnet for them. */
  ipv4: z.boolean().default(true),
  ipv6: z.boolean().default(false),
  internal: z.boolean().default(false),
  /** Containers on the network may talk to each other. */
  icc: z.boolean().default(true),
  masquerade: z.boolean().default(true),
  mtu: z.number().int().min(576).max(65535).default(1500),
  labels: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
  /**
   * Docker's driver options as given. Known ones have their effect (those for icc, masquerade and mtu set the fields above), known
   * ones that cannot be had are refused, others are kept and mean nothing.
   */
  options: z.record(z.string().min(1).max(256), z.string().max(1024)).default({}),
})
export type NetworkSpec = z.output<typeof networkSpecSchema>
export type NetworkSpecInput = z.input<typeof networkSpecSchema>

export const networkInspectSchema = z.object({
  id: z.string(),
  projectId: projectIdSchema,
  spec: networkSpecSchema,
  /** Made by the engine for the project; cannot be removed while the project exists. */
  builtin: z.boolean(),
  bridge: z.string(),
  createdAt: z.string(),
  containers: z.array(endpointSchema.extend({ containerId: z.string(), containerName: z.string(), ports: z.array(publishedPortSchema) })),
})
export type NetworkInspect = z.infer<typeof networkInspectSchema>
