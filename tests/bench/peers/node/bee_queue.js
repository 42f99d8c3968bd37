// Bee-Queue: 100 jobs at once, finished jobs removed, events and the tracking of jobs off. Bulk is saveAll.
'use strict';

const Queue = require('bee-queue');
const { url, main } = require('./meter.js');

const settings = {
  redis: { host: url.hostname, port: Number(url.port) },
  removeOnSuccess: true,
  getEvents: false,
  sendEvents: false,
  storeJobs: false,
};

function work(begin) {
  new Queue('peers', settings).process(100, async (job) => begin(job.data));
}

async function connect() {
  const queue = new Queue('peers', { ...settings, isWorker: false });
  await queue.ready();
  return {
    one: (data) => queue.createJob(data).save(),
    many: async (list) => {
      const errors = await queue.saveAll(list.map((data) => queue.createJob(data)));
      if (errors.size > 0) throw errors.values().next().value;
    },
    close: () => queue.close(),
  };
}

main({ work, connect });
