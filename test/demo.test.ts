import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JSDOM } from 'jsdom'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runDemo } from '../demo/run.js'

// The demo on a small part of its data: that it runs through, and that the page has what it promises.

const out = mkdtempSync(join(tmpdir(), 'lowrank-demo-'))
const lines: string[] = []
let page: Document
let html: string

beforeAll(async () => {
  const say = (line: string): void => void lines.push(line)
  const file = await runDemo({ digits: 1000, rank: 12, photoRanks: [10, 30], out, say })
  html = readFileSync(file, 'utf8')
  page = new JSDOM(html).window.document
})

afterAll(() => {
  rmSync(out, { recursive: true })
})

test('the page has its findings, each with a heading and a caption', () => {
  const sections = [...page.querySelectorAll('section')]
  expect(sections.map(({ id }) => id)).toEqual([
    'components',
    'reconstructions',
    'scree',
    'error',
    'scatter',
    'photo',
    'photo-error',
    'methods',
  ])
  for (const section of sections) {
    expect(section.querySelector('h3')?.textContent).toBeTruthy()
    expect(section.querySelector('figcaption')?.textContent).toBeTruthy()
  }
})

test('pictures and plots can be read aloud, and axes have labels', () => {
  const images = [...page.querySelectorAll('img')]
  // The mean, 12 components, 10 digits at 3 ranks and as they are; the photograph likewise.
  expect(images).toHaveLength(13 + 10 * 4 + 3)
  expect(images.filter((image) => !image.alt)).toEqual([])
  const plots = [...page.querySelectorAll('.chart svg[role=img]')]
  expect(plots).toHaveLength(2 * 5)
  for (const plot of plots) {
    expect(plot.getAttribute('aria-label')).toBeTruthy()
    expect(plot.querySelectorAll('[aria-label$="axis label"]')).toHaveLength(2)
  }
})

test('the page asks nothing of a network and holds no number that is none', () => {
  expect(html.match(/(src|href)="(?!data:)|url\(|@import|<script|<link/g)).toBeNull()
  const text = html.replaceAll(/data:[^"]*/g, '')
  expect(text.match(/NaN|Infinity|undefined/g)).toBeNull()
})

test('the numbers in the terminal: errors close to the optimum, and never below it', () => {
  const text = lines.join('\n')
  const [, error, estimate, optimum] = /error ([\d.]+) % measured, ([\d.]+) % estimated, ([\d.]+) % optimal/
    .exec(text)!
    .map(Number)
  expect(error).toBeGreaterThanOrEqual(optimum!)
  expect(error).toBeLessThan(1.02 * optimum!)
  expect(Math.abs(estimate! / error! - 1)).toBeLessThan(0.3)
  expect(text).toMatch(/the GPU|No GPU/)
})
