// What the Node peers share: python/meter.py and python/produce.py once more. Times are the same clock
// (process.hrtime is CLOCK_MONOTONIC).
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const CALLERS = 50;
const CHUNK = 1_000;
const WARM_UP_SECONDS = 0.3;

const url = new URL(process.env.PEERS_REDIS);
const now = () => process.hrtime.bigint();
const seconds = () => Number(now()) / 1e9;

// `at` is a number, exact up to 104 days of uptime.
function payload(at = 0) {
  return { at, filler: 'x'.repeat(181 - String(at).length) };
}

// Keeps the account of jobs begun: see `Account` in python/meter.py.
function account() {
  const name = `${process.env.PEERS_WORKER}-${process.pid}`;
  const open = (kind) => fs.openSync(path.join(process.env.PEERS_FOLDER, `${kind}-${name}`), 'a');
  const begun = open('begun');
  const delays = open('delays');
  const step = Number(process.env.PEERS_STEP);
  let count = 0;
  return (data) => {
    count += 1;
    if (count % step === 0) fs.writeSync(begun, `${now()} ${count}\n`);
    if (data.at) fs.writeSync(delays, `${Number(now()) - data.at}\n`);
  };
}

const payloads = (count) => Array.from({ length: count }, () => payload());

async function callers(one, next) {
  const caller = async () => {
    for (let data = next(); data; data = next()) await one(data);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

async function fill({ many }, count) {
  for (let begun = 0; begun < count; begun += CHUNK) {
    await many(payloads(Math.min(CHUNK, count - begun)));
  }
}

async function serial({ one }, end) {
  let done = 0;
  for (; seconds() < end; done += 1) await one(payload());
  return done;
}

async function concurrent({ one }, end) {
  let done = 0;
  await callers(one, () => {
    if (seconds() >= end) return undefined;
    done += 1;
    return payload();
  });
  return done;
}

async function bulk({ many }, end) {
  let done = 0;
  for (; seconds() < end; done += CHUNK) await many(payloads(CHUNK));
  return done;
}

async function paced({ one }, rate, duration) {
  const begun = seconds();
  const warmUp = rate;
  for (let number = 0; number < warmUp + rate * duration; number += 1) {
    const wait = begun + number / rate - seconds();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    await one(payload(number >= warmUp ? Number(now()) : 0));
  }
}

async function perSecond(loop, peer, duration) {
  await loop(peer, seconds() + WARM_UP_SECONDS);
  const begun = seconds();
  const done = await loop(peer, begun + duration);
  return done / (seconds() - begun);
}

// `node PEER.js worker`, or one of the verbs of python/produce.py.
async function main({ work, connect }) {
  const [verb, ...words] = process.argv.slice(2);
  const numbers = words.map(Number);
  if (verb === 'worker') {
    work(account());
    return;
  }
  const peer = await connect();
  const loop = { serial, concurrent, bulk }[verb];
  let result = null;
  if (loop) result = await perSecond(loop, peer, ...numbers);
  else await { fill, paced }[verb](peer, ...numbers);
  await peer.close();
  console.log(JSON.stringify(result));
}

module.exports = { url, main };
