// BullMQ: 100 jobs at once, finished jobs removed. Bulk is addBulk.
'use strict';

const { Queue, Worker } = require('bullmq');
const { url, main } = require('./meter.js');

const connection = { host: url.hostname, port: Number(url.port) };
const options = { removeOnComplete: true, removeOnFail: true };

function work(begin) {
  new Worker('peers', async (job) => begin(job.data), { connection, concurrency: 100 });
}

async function connect() {
  const queue = new Queue('peers', { connection });
  await queue.waitUntilReady();
  return {
    one: (data) => queue.add('nothing', data, options),
    many: (list) => queue.addBulk(list.map((data) => ({ name: 'nothing', data, opts: options }))),
    close: () => queue.close(),
  };
}

main({ work, connect });
