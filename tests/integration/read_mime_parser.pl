#!/usr/bin/perl
# Reads messages with MIME::Parser. Takes the names of files on standard input, one a line; prints one line of JSON for
# each: the fields that a reader is shown, and every part that holds no others, its octets decoded and in base64.
# Strings are octets, written as ISO-8859-1.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use MIME::Parser;
use MIME::Words 'decode_mimewords';

my $json = JSON::PP->new->latin1;

sub leaves {
    my ($part) = @_;
    return map { leaves($_) } $part->parts if $part->parts;
    my ($head, $body) = ($part->head, $part->bodyhandle);
    return {
        kind => $part->effective_type,
        charset => $head->mime_attr('content-type.charset') // '',
        name => $head->recommended_filename // '',
        disposition => $head->mime_attr('content-disposition') // '',
        id => $head->get('content-id', 0) // '',
        octets => encode_base64($body ? $body->as_string : '', ''),
    };
}

while (my $file = <STDIN>) {
    chomp $file;
    my $parser = MIME::Parser->new;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    $parser->extract_nested_messages(0);
    my $message = $parser->parse_open($file);
    my %fields = map { $_ => scalar decode_mimewords($message->head->get($_, 0) // '') }
        qw(From To Cc Reply-To Subject Date);
    print $json->encode({ fields => \%fields, leaves => [leaves($message)] }), "\n";
}
