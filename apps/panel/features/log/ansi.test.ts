import { describe, expect, it } from 'vitest'
import { ansiSpans, keepColours, markMatches, plainText } from './ansi.ts'

describe('keepColours', () => {
  it.each([
    ['title', '\x1b]0;evil\x07text', 'text'],
    ['clipboard', 'a\x1b]52;c;ZXZpbA==\x1b\\b', 'ab'],
    ['link', '\x1b]8;;http://evil\x07label\x1b]8;;\x07', 'label'],
    ['unfinished string', 'a\x1b]0;never ends', 'a'],
    ['DCS', 'a\x1bPq#0\x1b\\b', 'ab'],
    ['C1 OSC', 'a\x9d0;evil\x07b', 'ab'],
    ['cursor movement and clear', '\x1b[2J\x1b[1;1Hx\x1b[?25l', 'x'],
    ['reset and charset', '\x1bcx\x1b(By', 'xy'],
    ['bell, backspace, carriage return', 'a\x07\x08\rb', 'ab'],
    ['colour stays', '\x1b[1;31mred\x1b[0m', '\x1b[1;31mred\x1b[0m'],
    ['tab and other scripts stay', 'a\tb 日志 é', 'a\tb 日志 é'],
  ])('%s', (_, input, output) => expect(keepColours(input)).toBe(output))
})

describe('ansiSpans', () => {
  it('gives named colours and decorations as classes and nothing for others', () => {
    expect(ansiSpans('plain')).toEqual([{ text: 'plain', className: '' }])
    expect(ansiSpans('\x1b[1;31merr\x1b[0m ok \x1b[38;2;1;2;3mtrue\x1b[0m')).toEqual([
      { text: 'err', className: 'ansi-red-fg ansi-bold' },
      { text: ' ok ', className: '' },
      { text: 'true', className: '' },
    ])
    expect(plainText('\x1b[32mgo\x1b[0m!')).toBe('go!')
  })
  it('never turns text into markup', () => {
    expect(ansiSpans('<img src=x>\x1b[31m<b>\x1b[0m').map((span) => span.text)).toEqual(['<img src=x>', '<b>'])
  })
})

describe('markMatches', () => {
  it('marks a match across a colour change, ignoring case', () => {
    const spans = ansiSpans('an \x1b[31mER\x1b[0mROR here, error there')
    const marked = markMatches(spans, 'error')
    expect(marked.filter((piece) => piece.match).map((piece) => piece.text)).toEqual(['ER', 'ROR', 'error'])
    expect(marked.map((piece) => piece.text).join('')).toBe('an ERROR here, error there')
  })
  it('without a query changes nothing', () => {
    expect(markMatches([{ text: 'x', className: 'y' }], '')).toEqual([{ text: 'x', className: 'y', match: false }])
  })
})
