#!/usr/bin/perl
# Verifies the DKIM signatures of the message on standard input with Mail::DKIM, and prints one result a signature.
# The key record comes from the command line (NAME RECORD), through a resolver that knows nothing else: no DNS is asked.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Net::DNS;

my %records = @ARGV;

package OneZone;
sub new { return bless {}, shift }
sub send {
    my ($self, $name, $type) = @_;
    my $answer = Net::DNS::Packet->new($name, $type);
    $answer->header->rcode(exists $records{$name} ? 'NOERROR' : 'NXDOMAIN');
    if ($type eq 'TXT' && exists $records{$name}) {
        # a TXT string holds 255 octets at most
        my @strings = unpack '(A255)*', $records{$name};
        $answer->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => \@strings));
    }
    return $answer;
}
sub errorstring { return 'NOERROR' }

package main;
Mail::DKIM::DNS::resolver(OneZone->new);
my $verifier = Mail::DKIM::Verifier->new;
binmode STDIN;
$verifier->PRINT($_) while <STDIN>;
$verifier->CLOSE;
print $_->domain, ' ', $_->selector, ' ', $_->result_detail, "\n" for $verifier->signatures;
exit($verifier->result eq 'pass' ? 0 : 1);
