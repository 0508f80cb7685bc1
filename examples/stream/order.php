#!/usr/bin/env php
<?php
// Adds up orders and charges for each once:  treadle worker exec order --stream -- ./order.php
// The protocol is described in docs/stream.md.

function write(array $line): void {
    fwrite(STDOUT, json_encode($line, JSON_THROW_ON_ERROR) . "\n");
}

// Calls $make and saves its result, or returns the result that an earlier attempt has saved.
function step(array $task, string $name, callable $make) {
    foreach ($task['steps'] ?? [] as $saved) {
        if ($saved['name'] === $name) return $saved['result'];
    }
    $result = $make();
    write(['step' => ['name' => $name, 'result' => $result]]);
    if (!json_decode(fgets(STDIN), true)['saved']) throw new Exception('the step was not saved');
    return $result;
}

function run(array $task): array {
    $cents = $task['payload']['cents'] ?? [];
    if (!$cents) return ['failed' => ['code' => 'no_items', 'message' => 'the order is empty', 'retry' => false]];
    write(['log' => "attempt {$task['attempt']} of {$task['max_attempts']}"]);
    write(['progress' => ['fraction' => 0.5, 'message' => 'charging']]);
    $receipt = step($task, 'charge', fn() => "receipt-{$task['task']}"); // charge the customer here
    return ['result' => ['total_cents' => array_sum($cents), 'receipt' => $receipt]];
}

fgets(STDIN); // which versions there are: {"stream":1,…}
write(['ready' => 1]);
while (($line = fgets(STDIN)) !== false) write(run(json_decode($line, true)));
