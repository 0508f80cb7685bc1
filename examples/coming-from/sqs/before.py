"""Orders with SQS: a charge that is retried, and a receipt that is mailed later.

Worker: python before.py work. Producer: python before.py. The queues are made if they are missing.
"""

import json
import sys

import boto3

sqs = boto3.client("sqs")
dead = sqs.create_queue(QueueName="orders-dead")["QueueUrl"]
dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 6})
queue = sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": redrive})["QueueUrl"]


def charge(attempt, order, cents):
    if attempt == 1:
        raise RuntimeError("no route to the bank")
    print(f"{order}: charged {cents} cents", flush=True)


def mail_receipt(attempt, order):
    print(f"{order}: receipt mailed", flush=True)


HANDLERS = {"charge": charge, "mail_receipt": mail_receipt}


def work():
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue,
            WaitTimeSeconds=20,
            VisibilityTimeout=30,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        for message in answer.get("Messages", []):
            attempt = int(message["Attributes"]["ApproximateReceiveCount"])
            receipt = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
            name, arguments = json.loads(message["Body"])
            try:
                HANDLERS[name](attempt, *arguments)
            except Exception:
                sqs.change_message_visibility(**receipt, VisibilityTimeout=2 ** (attempt - 1))
            else:
                sqs.delete_message(**receipt)


if sys.argv[1:] == ["work"]:
    work()
else:
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(["charge", ["A-17", 250]]))
    body = json.dumps(["mail_receipt", ["A-17"]])
    sqs.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=1)
