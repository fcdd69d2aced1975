// Runs inside a network namespace for the tests: a server that answers with what it sees, and clients that print what they get.
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { connect, createServer, isIPv6 } from 'node:net'
import dnsPacket from 'dns-packet'

const [verb, ...args] = process.argv.slice(2)
const plain = (address) => address.replace(/^::ffff:/, '')
const verbs = { serve, serveDns, ask, resolve, resolveTcp, floodDns, knock }
await verbs[verb](...args)

/** Prints `ready`; answers every client with its own address. */
async function serve(protocol, port) {
  if (protocol === 'tcp') {
    const server = createServer((socket) => socket.on('error', () => {}).end(plain(socket.remoteAddress ?? '')))
    await new Promise((done) => server.listen(Number(port), '::', done))
  } else {
    const socket = createSocket('udp6')
    socket.on('message', (_, peer) => socket.send(plain(peer.address), peer.port, peer.address))
    await new Promise((done) => socket.bind(Number(port), '::', done))
  }
  console.log('ready')
}

/** Prints the answer, or the error code, or `timeout`. */
async function ask(protocol, host, port, timeoutMs = '5000', localAddress = undefined) {
  const result = await new Promise((resolve) => {
    setTimeout(() => resolve('timeout'), Number(timeoutMs))
    if (protocol === 'tcp') {
      let text = ''
      connect({ host, port: Number(port), localAddress })
        .on('error', ({ code }) => resolve(code))
        .on('data', (data) => {
          text += data
        })
        .on('end', () => resolve(text))
    } else {
      const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
      socket.on('error', ({ code }) => resolve(code)).on('message', (message) => resolve(String(message)))
      socket.connect(Number(port), host, (error) => {
        if (error) resolve(error.code)
        else socket.send('question')
      })
    }
  })
  console.log(result)
  process.exit()
}

/** Prints the sorted answers, or the error code. */
async function resolve(server, name, type) {
  const resolver = new Resolver({ timeout: 3000, tries: 1 })
  resolver.setServers([server])
  const answer = type === 'PTR' ? resolver.reverse(name) : resolver.resolve(name, type)
  console.log(await answer.then((values) => values.map(String).sort().join(' ')).catch(({ code }) => code))
  process.exit()
}

/** A name server that has one address for every name. Prints `ready`. */
async function serveDns(address) {
  const socket = createSocket('udp4')
  socket.on('message', (message, peer) => {
    const { id, questions } = dnsPacket.decode(message)
    const answers = questions.map(({ name }) => ({ name, type: 'A', ttl: 1, data: address }))
    socket.send(dnsPacket.encode({ type: 'response', id, questions, answers }), peer.port, peer.address)
  })
  await new Promise((done) => socket.bind(53, done))
  console.log('ready')
}

/** As `resolve`, over TCP, two questions in one segment; prints the answers to both. */
async function resolveTcp(server, name) {
  const question = dnsPacket.streamEncode({ type: 'query', id: 1, questions: [{ name, type: 'A' }] })
  const socket = connect(53, server)
  socket.write(Buffer.concat([question, question]))
  let received = Buffer.alloc(0)
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk])
    const length = received.length < 2 ? 0 : received.readUInt16BE(0) + 2
    if (length === 0 || received.length < 2 * length) continue
    const both = [received.subarray(0, length), received.subarray(length)].map((part) => dnsPacket.streamDecode(part).answers[0]?.data)
    console.log(both.join(' '))
    process.exit()
  }
}

/** Prints `flooding`, sends so many questions, and prints the code of the first answer. */
async function floodDns(server, count) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 8 << 20 })
  const answered = new Promise((resolve) => socket.once('message', (message) => resolve(dnsPacket.decode(message).rcode)))
  console.log('flooding')
  for (let id = 0; id < Number(count); id++) {
    const question = dnsPacket.encode({ type: 'query', id: id & 0xffff, questions: [{ name: `n${id}.example.net`, type: 'A' }] })
    await new Promise((done) => socket.send(question, 53, server, done))
  }
  console.log(await answered)
  process.exit()
}

/** Sends a datagram a moment from one fixed port until an answer comes; prints `knocking` after the first, then the answer. */
async function knock(host, port, fromPort) {
  const socket = createSocket('udp4')
  socket.on('message', (message) => {
    console.log(String(message))
    process.exit()
  })
  await new Promise((done) => socket.bind(Number(fromPort), done))
  const send = () => socket.send('knock', Number(port), host, () => {})
  send()
  setInterval(send, 50)
  console.log('knocking')
}
