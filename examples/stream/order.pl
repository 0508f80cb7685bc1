#!/usr/bin/env perl
# Adds up orders and charges for each once:  treadle worker exec order --stream -- ./order.pl
# The protocol is described in docs/stream.md.
use v5.36;
use JSON::PP;
use List::Util qw(first sum);

sub write_line ($line) { say encode_json($line) }

# Calls $make and saves its result, or returns the result that an earlier attempt has saved.
sub step ($task, $name, $make) {
    my $saved = first { $_->{name} eq $name } @{ $task->{steps} || [] };
    return $saved->{result} if $saved;
    my $result = $make->();
    write_line({ step => { name => $name, result => $result } });
    decode_json(scalar <STDIN>)->{saved} or die "the step was not saved\n";
    return $result;
}

sub run ($task) {
    my @cents = @{ $task->{payload}{cents} || [] };
    return { failed => { code => 'no_items', message => 'the order is empty', retry => JSON::PP::false } } if !@cents;
    write_line({ log => "attempt $task->{attempt} of $task->{max_attempts}" });
    write_line({ progress => { fraction => 0.5, message => 'charging' } });
    my $receipt = step($task, 'charge', sub { "receipt-$task->{task}" });    # charge the customer here
    return { result => { total_cents => sum(@cents), receipt => $receipt } };
}

$| = 1;
my $versions = <STDIN>;    # {"stream":1,...}
write_line({ ready => 1 });
while (my $line = <STDIN>) { write_line(run(decode_json($line))) }
