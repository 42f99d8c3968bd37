"""Celery: prefork pool, prefetch multiplier 128, results ignored. Bulk is kombu's batch of publishes."""

from celery import Celery

from meter import URL, begin

app = Celery("celery_app", broker=URL)
app.conf.update(
    worker_prefetch_multiplier=128,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(name="nothing")
def nothing(payload):
    begin(payload)


def one(payload):
    nothing.delay(payload)


def many(payloads):
    with app.producer_or_acquire() as producer, producer.batch():
        for payload in payloads:
            nothing.apply_async((payload,), producer=producer)
