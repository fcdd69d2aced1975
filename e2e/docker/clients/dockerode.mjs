/** What dockerode does with an engine; ends with "ok" when every answer was right. Argument: an image archive. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'

const docker = new Docker()
const finished = (stream) =>
  new Promise((resolve, reject) => docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))))
/** Both streams of an attached or followed container, to their end. */
async function demultiplexed(stream) {
  const [out, err] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, out, err)
  stream.once('end', () => {
    out.end()
    err.end()
  })
  return Promise.all([text(out), text(err)])
}
const failsWith = (promise, statusCode) => assert.rejects(promise, (error) => error.statusCode === statusCode)

assert.equal((await docker.ping()).toString(), 'OK')
assert.equal((await docker.version()).Os, 'linux')
const loaded = await finished(await docker.loadImage(createReadStream(process.argv[2])))
assert.match(JSON.stringify(loaded), /Loaded image: judge:1/)
await failsWith(docker.getImage('nosuch:1').inspect(), 404)

// Attached before it is started, input and both outputs over one connection.
const talker = await docker.createContainer({
  Image: 'judge:1',
  Cmd: ['sh', '-c', 'read line; echo got $line; echo err >&2; exit 4'],
  OpenStdin: true,
  StdinOnce: true,
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
})
const attached = await talker.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
const said = demultiplexed(attached)
const ended = talker.wait({ condition: 'next-exit' })
await talker.start()
attached.end('words\n')
assert.deepEqual(await said, ['got words\n', 'err\n'])
assert.equal((await ended).StatusCode, 4)
assert.equal((await talker.inspect()).State.ExitCode, 4)
assert.deepEqual(await demultiplexed(await talker.logs({ follow: true, stdout: true, stderr: true })), ['got words\n', 'err\n'])
await talker.remove()

const web = await docker.createContainer({
  name: 'ode-web',
  Image: 'judge:1',
  Cmd: ['httpd', '-f', '-h', '/www'],
  Labels: { role: 'web' },
  ExposedPorts: { '80/tcp': {} },
  HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
})
await web.start()
await assert.rejects(web.start(), (error) => error.statusCode === 304)
const listed = await docker.listContainers({ filters: { label: ['role=web'] } })
assert.deepEqual(
  listed.map(({ Names }) => Names),
  [['/ode-web']],
)
assert.deepEqual(await docker.listContainers({ filters: JSON.stringify({ label: { 'role=web': true, other: true } }) }), [])
const port = (await web.inspect()).NetworkSettings.Ports['80/tcp'][0].HostPort
assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello from the test image\n')
const exec = await web.exec({ Cmd: ['sh', '-c', 'read line; echo in $line'], AttachStdin: true, AttachStdout: true, AttachStderr: true })
const inside = await exec.start({ hijack: true, stdin: true })
const answer = demultiplexed(inside)
inside.end('there\n')
assert.deepEqual(await answer, ['in there\n', ''])
assert.deepEqual([(await exec.inspect()).ExitCode, (await exec.inspect()).Running], [0, false])
await assert.rejects(docker.getExec('0'.repeat(64)).inspect(), (error) => error.statusCode === 404)
const stats = await web.stats({ stream: false })
assert.equal(stats.name, '/ode-web')
assert.ok(stats.memory_stats.usage > 0)
assert.ok((await web.getArchive({ path: '/www/index.html' }).then(text)).includes('hello from the test image'))
const sizes = await web.inspect({ size: true })
assert.ok(sizes.SizeRootFs > 0)

const network = await docker.createNetwork({ Name: 'ode-net', Internal: true })
await network.connect({ Container: web.id, EndpointConfig: { Aliases: ['ode'] } })
const [out] = await runToEnd(['wget', '-qO-', 'http://ode/'], { NetworkMode: 'ode-net' })
assert.equal(out, 'hello from the test image\n')
await network.disconnect({ Container: web.id })
await network.remove()
await docker.createVolume({ Name: 'ode-vol' })
await runToEnd(['sh', '-c', 'echo dear > /data/a'], { Binds: ['ode-vol:/data'] })
assert.deepEqual(await runToEnd(['cat', '/data/a'], { Binds: ['ode-vol:/data'] }), ['dear\n', ''])
await docker.getVolume('ode-vol').remove()
await failsWith(docker.getVolume('ode-vol').inspect(), 404)

// Events come while they happen.
const events = await docker.getEvents({ filters: { container: [web.id] } })
const died = new Promise((resolve) => events.on('data', (line) => line.toString().includes('"die"') && resolve()))
await failsWith(web.remove(), 409)
await web.kill()
await died
events.destroy()
await web.remove()
await failsWith(web.inspect(), 404)
console.log('ok')

async function runToEnd(Cmd, HostConfig) {
  const container = await docker.createContainer({ Image: 'judge:1', Cmd, HostConfig })
  const stream = await container.attach({ stream: true, stdout: true, stderr: true })
  const output = demultiplexed(stream)
  await container.start()
  assert.equal((await container.wait()).StatusCode, 0)
  await container.remove()
  return output
}
