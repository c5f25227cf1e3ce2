#!/usr/bin/perl
# Verifies messages with Mail::DKIM. Takes {records, files} as JSON on standard input; prints "DOMAIN SELECTOR" of every
# signature that is good, one message a line, and of nothing else. The key records come from a resolver that knows
# nothing else: no DNS is asked.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Net::DNS;

my $order = decode_json(do { local $/; <STDIN> });

package OneZone;
sub new { return bless {}, shift }
sub send {
    my ($self, $name, $type) = @_;
    my $record = $order->{records}{$name};
    my $answer = Net::DNS::Packet->new($name, $type);
    $answer->header->rcode(defined $record ? 'NOERROR' : 'NXDOMAIN');
    if ($type eq 'TXT' && defined $record) {
        # a TXT string holds 255 octets at most
        my @strings = unpack '(A255)*', $record;
        $answer->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => \@strings));
    }
    return $answer;
}
sub errorstring { return 'NOERROR' }

package main;
Mail::DKIM::DNS::resolver(OneZone->new);
for my $file (@{$order->{files}}) {
    open my $message, '<:raw', $file or die "$file: $!";
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($_) while <$message>;
    $verifier->CLOSE;
    my @good = grep { $_->result eq 'pass' } $verifier->signatures;
    print join(' ', map { $_->domain . ' ' . $_->selector } @good), "\n";
}
