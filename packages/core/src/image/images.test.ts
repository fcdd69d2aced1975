import { SYSTEM_PROJECT } from '@gantry/contracts'
import { listHoldings } from '@gantry/db'
import { expect, it } from 'vitest'
import { testBackend } from '../testing/index.ts'
import { listImages, tagImage } from './images.ts'

it('counts a built-in image once it is tagged, and not twice', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', { images: 1 }, { [ann.user.id]: 'developer' })
  await test.project('full', { images: 0 }, { [ann.user.id]: 'developer' })
  test.agent.answers['image.tag'] = () => ({})
  const tag = (projectId: string, reference: string) => tagImage.execute(test.backend, ann, { projectId, image: 'busybox', reference })
  await tag('shop', 'mine')
  await tag('shop', 'mine:again')
  expect(await listHoldings(test.backend.db.read)).toMatchObject([{ projectId: 'shop', kind: 'image', state: 'present' }])
  await expect(tag('full', 'mine')).rejects.toMatchObject({ code: 'quota_exceeded', detail: { field: 'images', limit: '0' } })
  expect(test.agent.asked('image.tag')).toHaveLength(2)
})

it('lists what the caller can see and what is built in', async () => {
  await using test = await testBackend()
  const ann = await test.user('ann@example.org')
  await test.project('shop', {}, { [ann.user.id]: 'viewer' })
  await test.project('secret')
  for (const projectId of ['shop', 'secret', SYSTEM_PROJECT])
    test.agent.images.set(projectId, { projectId, id: projectId, reference: projectId })
  const ids = (await listImages.execute(test.backend, ann, {})).map(({ id }) => id)
  expect(ids).toEqual(['shop', SYSTEM_PROJECT])
  await expect(listImages.execute(test.backend, ann, { projectId: 'secret' })).rejects.toMatchObject({ code: 'not_found' })
})
