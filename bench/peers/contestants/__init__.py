"""All contestants, in the order of the table: Treadle and its peers. A new one gets a file, and a place in MODULES."""

import importlib

MODULES = [
    "treadle",
    "treadle_sdks",
    "redis_streams",
    "redis_lists",
    "nats",
    "beanstalkd",
    "gearmand",
    "rabbitmq",
    "bullmq",
    "celery",
    "faktory",
    "river",
]
CONTESTANTS = {
    each.name: each for module in MODULES for each in importlib.import_module(f"contestants.{module}").CONTESTANTS
}
