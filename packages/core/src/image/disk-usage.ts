import type { BuildCacheRecord, ContainerInspect, ImageSummary, VolumeInspect } from '@gantry/contracts'
import { z } from 'zod'
import { projectFields } from '../lib/project-input.ts'
import { useCase } from '../use-case.ts'

export interface DiskUsage {
  images: ImageSummary[]
  /** Of all layers of these images, each once. */
  layerBytes: number
  containers: ContainerInspect[]
  volumes: VolumeInspect[]
  buildCache: BuildCacheRecord[]
}

/** What a project's things take on the disk. */
export const diskUsage = useCase({
  verb: 'project.disk',
  permission: 'project.view',
  effect: 'read',
  input: z.strictObject(projectFields),
  async run({ backend: { agent } }, { projectId }): Promise<DiskUsage> {
    const [{ images, layerBytes }, summaries, volumes, buildCache] = await Promise.all([
      agent.call('image.usage', { projectId }),
      agent.call('container.list', { projectId }),
      agent.call('volume.list', { projectId, size: true }),
      agent.call('image.buildCache', { projectId }),
    ])
    const containers: ContainerInspect[] = []
    for (const { id } of summaries) {
      // One that was removed meanwhile takes nothing.
      const container = await agent.call('container.inspect', { projectId, container: id, size: true }).catch(() => undefined)
      if (container) containers.push(container)
    }
    return { images, layerBytes, containers, volumes, buildCache }
  },
})
